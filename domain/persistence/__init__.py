"""The only SQL: engines, tables, units of work and one repository per noun."""
