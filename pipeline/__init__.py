"""The production system: finds the pages of scanned TIFF files that carry nonpublic personal information
(NPI).

Data goes one way: handlers -> tiff (find pages) -> ocr (page -> words) -> npi (words -> findings) -> state
(DynamoDB) -> results (JSON, PDF). Runs on AWS Lambda as it stands here.
"""
