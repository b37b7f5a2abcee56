"""Signing in: the cookie of a person's token, and the sign-in at an OIDC issuer."""
