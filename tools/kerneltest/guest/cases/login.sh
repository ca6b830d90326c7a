# A normal session: login, disks of the right size, logout, login again.
discover
for round in 1 2; do
	login "$PLAIN" 4
	same LOGGED_IN "$(negotiated "$PLAIN" state)" "session state"
	for lun in "$LUN_DATA $SIZE_DATA" "$LUN_SECOND $SIZE_SECOND" "$LUN_RO $SIZE_RO" "$LUN_BIG $SIZE_BIG"; do
		device=$(disk "$PLAIN" "${lun% *}") || fail "LUN ${lun% *} is no disk"
		same "${lun#* }" "$(blockdev --getsize64 "$device")" "size of LUN ${lun% *}"
	done
	logout "$PLAIN"
	step "round $round done"
done
