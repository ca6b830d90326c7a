package session

// knownKey says that RFC 7143, 13 defines a key.
func knownKey(key string) bool {
	switch key {
	case "HeaderDigest", "DataDigest", "MaxConnections", "TargetName", "InitiatorName", "TargetAlias", "TargetAddress",
		"TargetPortalGroupTag", "InitialR2T", "ImmediateData", "MaxBurstLength", "FirstBurstLength", "DefaultTime2Wait",
		"DefaultTime2Retain", "MaxOutstandingR2T", "DataPDUInOrder", "DataSequenceInOrder", "ErrorRecoveryLevel",
		"SessionType", "TaskReporting", "iSCSIProtocolLevel", "AuthMethod":
		return true
	}
	return false
}
