"""The version of dyncc: kept here, since to ask the installed package takes as long as to load a bundle."""

VERSION = "0.1.0"
