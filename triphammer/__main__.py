"""`python -m triphammer` and the `triphammer` command."""


def main() -> None:
    """Run the command line."""
    from triphammer.service.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
