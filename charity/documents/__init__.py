"""Documents: PDF pages and spreadsheets from frozen values.

The only place that imports ReportLab. No database, no Flask, no clock: a document is a
snapshot that says everything it prints, and the same snapshot gives the same bytes.
Importing this package or the module of a document loads no PDF library; drawing does.
"""
