"""The members of the slow lane, a file each.  They do not know each other."""
