"""``python -m dyncc.compiler`` is the command ``dyncc``."""

from dyncc.compiler.cli import main

if __name__ == "__main__":
    main()
