"""The books' roles: catalog, fixings, collector, invoicing, audit."""
