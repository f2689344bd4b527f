"""Every metric and log event by name, with the sentence that `/metrics` and the docs show.

One table, because names are a promise: dashboards and alarms are built on them. No key or URL is ever a label.
"""

from __future__ import annotations

COUNTERS = {
    "imagemill_requests": ("Requests answered, by surface and outcome.", ("surface", "outcome")),
    "imagemill_cache_results": ("Image requests by where the answer came from.", ("result",)),
    "imagemill_variants_made": ("Variants transcoded, by format.", ("format",)),
    "imagemill_variants_kept": ("Variants kept after their answer, or not.", ("stored",)),
    "imagemill_refusals": ("Requests refused because a rate was used up, by limit.", ("limit",)),
    "imagemill_errors": ("Errors answered, by stable code.", ("code",)),
    "imagemill_transcode_cpu_seconds": ("CPU-seconds spent by workers on variants.", ()),
    "imagemill_original_bytes": ("Bytes of originals read for transcoding.", ()),
    "imagemill_variant_bytes": ("Bytes of variants made.", ()),
    "imagemill_sent_bytes": ("Bytes of bodies sent.", ()),
    "imagemill_saved_bytes": ("Bytes not sent because a variant was smaller than its original.", ()),
    "imagemill_upload_bytes": ("Bytes of uploads received.", ()),
    "imagemill_worker_kills": ("Workers killed or crashed, by reason.", ("reason",)),
    "imagemill_worker_starts": ("Worker processes started.", ()),
    "imagemill_log_lines_dropped": ("Access-log lines given up because the log could not be written.", ()),
}

GAUGES = {
    "imagemill_queue_waiting": "Makes that wait for a slot.",
    "imagemill_queue_seconds": "Estimated CPU-seconds admitted and not finished.",
    "imagemill_makes_running": "Makes that run now.",
    "imagemill_workers": "Worker processes.",
    "imagemill_workers_busy": "Worker processes with a job.",
    "imagemill_disk_cache_bytes": "Bytes of variants in the disk cache, of all processes that share it.",
    "imagemill_memory_cache_bytes": "Bytes of variants in memory.",
    "imagemill_memory_cache_variants": "Variants in memory.",
    "imagemill_variant_store_bytes": "Bytes of variants kept in the store.",
}

SHARED_GAUGES = frozenset({"imagemill_disk_cache_bytes", "imagemill_variant_store_bytes"})
"""Gauges that every process of a node reads off what they share: adding them up would count it once for each."""

STAGES = ("parse", "locate", "recall", "queue", "render", "inspect", "total")
HISTOGRAM = "imagemill_stage_seconds"
HISTOGRAM_HELP = "Seconds each stage of delivery took."
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds: from a hit in memory to the longest job."""
