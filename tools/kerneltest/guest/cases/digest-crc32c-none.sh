# HeaderDigest=CRC32C and DataDigest=None (RFC 7143 section 13.1).
. /kt/digest.sh
digest CRC32C None
