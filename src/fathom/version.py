"""The version of Fathom, which the distribution takes from here."""

VERSION = "0.1.0"
