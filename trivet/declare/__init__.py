"""Declarations: what an application writes, and what is read from it. Imports nothing below."""
