"""The checks of the ledger's claims, one module a chapter. See `course.lessons.ledger`."""
