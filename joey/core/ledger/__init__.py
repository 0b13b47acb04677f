"""The books: accounts, journal, rules and invoices."""
