"""How an answer came, in the words of Cache-Status (RFC 9211); makes, inspections and the memo say the same ones."""

FROM_MEMORY = b"imagemill; hit; detail=memory"
FROM_DISK = b"imagemill; hit; detail=disk"
FROM_STORE = b"imagemill; hit; detail=store"
MADE = b"imagemill; fwd=uri-miss; detail=made"
COLLAPSED = b"imagemill; fwd=uri-miss; collapsed"
