"""The domain's language: what a picture should become, and nothing about how or where.

Everything else imports this package; it imports only the standard library and `imagemill.errors`.
"""
