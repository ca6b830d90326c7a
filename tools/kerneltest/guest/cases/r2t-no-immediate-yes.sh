# InitialR2T=No and ImmediateData=Yes (RFC 7143 sections 13.10 and 13.11).
. /kt/bursts.sh
bursts No Yes
