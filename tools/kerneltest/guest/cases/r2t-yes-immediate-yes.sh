# InitialR2T=Yes and ImmediateData=Yes (RFC 7143 sections 13.10 and 13.11).
. /kt/bursts.sh
bursts Yes Yes
