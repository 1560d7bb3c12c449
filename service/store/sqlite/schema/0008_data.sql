-- How far a task says that it is: a msgpack array of two numbers, done and total.
ALTER TABLE tasks ADD COLUMN progress BLOB;
