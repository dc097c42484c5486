"""The claims, one a file, grouped by what they are about; a file's name is the claim's."""
