"""The local web app over run folders: reads them, shows them as they grow, changes them only where it is asked to."""
