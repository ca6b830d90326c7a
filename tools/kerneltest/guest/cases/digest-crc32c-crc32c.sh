# HeaderDigest=CRC32C and DataDigest=CRC32C (RFC 7143 section 13.1).
. /kt/digest.sh
digest CRC32C CRC32C
