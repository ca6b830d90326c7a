# HeaderDigest=None and DataDigest=CRC32C (RFC 7143 section 13.1).
. /kt/digest.sh
digest None CRC32C
