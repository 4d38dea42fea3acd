"""The simulated gateways: one bank with true books, and each gateway's dialect over them.

Stands in for the gateways' HTTP APIs in tests, demonstrations and ``cardhold dev``. It shares no
code with the product, so that it can judge it.
"""
