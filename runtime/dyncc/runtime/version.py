"""The version of dyncc: here, and not asked of the installed package, since that takes as long as loading."""

VERSION = "0.1.0"
