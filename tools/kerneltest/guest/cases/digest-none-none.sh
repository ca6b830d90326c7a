# HeaderDigest=None and DataDigest=None (RFC 7143 section 13.1).
. /kt/digest.sh
digest None None
