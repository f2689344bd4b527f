"""Objects in a bucket that speaks S3: AWS, Ceph, MinIO and their kin.

Nothing is imported here: `settings` and `address` are read at every start, `store` (and the compiled client below it)
only where a URL says `s3://`.
"""
