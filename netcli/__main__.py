"""``python -m netcli``: the same as ``netcli``."""

from netcli.cli import main

if __name__ == "__main__":
    main(prog_name="netcli")
