# A discovery session's SendTargets lists every target once, at the address that was asked (RFC 7143 section 4.3, appendix C).
discover
address=${PORTAL#*:}
for target in "$PLAIN" "$SMALL" "$CHAP" "$MUTUAL"; do
	same 1 "$(grep -c " $target\$" /run/kt/targets)" "lines for $target"
done
grep -v -E "^127\.0\.0\.1:$address,[0-9]+ iqn\." /run/kt/targets && fail "a target is not at 127.0.0.1:$address"
# A second discovery session works as well as the first.
discover
note "$(wc -l </run/kt/targets) targets"
