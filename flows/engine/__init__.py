"""How a graph runs: a pure machine of decisions and the loop that carries them out."""
