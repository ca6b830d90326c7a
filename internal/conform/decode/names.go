package decode

import (
	"fmt"
	"strconv"

	"github.com/ringtgt/ringtgt/pdu"
)

func decimal(v uint64) string { return strconv.FormatUint(v, 10) }
func isid(v uint64) string    { return fmt.Sprintf("0x%012x", v) }

// The names of values, by RFC 7143, RFC 7144 and SAM-5.
var (
	stages     = map[uint64]string{0: "SecurityNegotiation", 1: "LoginOperationalNegotiation", 3: "FullFeaturePhase"}
	attributes = map[uint64]string{0: "Untagged", 1: "Simple", 2: "Ordered", 3: "Head of queue", 4: "ACA"}
	functions  = map[uint64]string{
		1: "ABORT TASK", 2: "ABORT TASK SET", 3: "CLEAR ACA", 4: "CLEAR TASK SET", 5: "LOGICAL UNIT RESET", 6: "TARGET WARM RESET",
		7: "TARGET COLD RESET", 8: "TASK REASSIGN", 9: "QUERY TASK", 10: "QUERY TASK SET", 11: "I_T NEXUS RESET", 12: "QUERY ASYNCHRONOUS EVENT",
	}
	logoutReasons = map[uint64]string{0: "close the session", 1: "close the connection", 2: "remove the connection for recovery"}
	snacks        = map[uint64]string{0: "Data/R2T", 1: "Status", 2: "DataACK", 3: "R-Data"}
	services      = map[uint64]string{0: "command completed at target", 1: "target failure"}
	statuses      = map[uint64]string{
		0x00: "GOOD", 0x02: "CHECK CONDITION", 0x04: "CONDITION MET", 0x08: "BUSY", 0x18: "RESERVATION CONFLICT", 0x28: "TASK SET FULL", 0x30: "ACA ACTIVE",
		0x40: "TASK ABORTED",
	}
	taskResponses = map[uint64]string{
		0: "function complete", 1: "task does not exist", 2: "LUN does not exist", 3: "task still allegiant", 4: "task allegiance reassignment not supported",
		5: "function not supported", 6: "function authorization failed", 7: "function succeeded", 255: "function rejected",
	}
	logoutResponses = map[uint64]string{0: "closed successfully", 1: "CID not found", 2: "connection recovery is not supported", 3: "cleanup failed"}
	events          = map[uint64]string{
		0: "SCSI", 1: "logout requested", 2: "the connection will be dropped", 3: "all connections will be dropped", 4: "negotiation requested",
		5: "all tasks of the unit terminated", 255: "vendor specific",
	}
	rejects = map[uint64]string{
		2: "data digest error", 3: "SNACK reject", 4: "protocol error", 5: "command not supported", 6: "too many immediate commands", 7: "task in progress",
		8: "invalid data ack", 9: "invalid PDU field", 10: "long operation, out of resources", 11: "deprecated", 12: "waiting for logout",
	}
	loginStatuses = map[uint64]string{
		uint64(pdu.LoginSuccess): "success", uint64(pdu.LoginTargetMovedTemporarily): "target moved temporarily", uint64(pdu.LoginTargetMovedPermanently): "target moved permanently",
		uint64(pdu.LoginInitiatorError): "initiator error", uint64(pdu.LoginAuthenticationFailure): "authentication failure",
		uint64(pdu.LoginAuthorizationFailure): "authorization failure", uint64(pdu.LoginNotFound): "not found", uint64(pdu.LoginTargetRemoved): "target removed",
		uint64(pdu.LoginUnsupportedVersion): "unsupported version", uint64(pdu.LoginTooManyConnections): "too many connections",
		uint64(pdu.LoginMissingParameter): "missing parameter", uint64(pdu.LoginCannotIncludeInSession): "cannot include in session",
		uint64(pdu.LoginSessionTypeNotSupported): "session type not supported", uint64(pdu.LoginSessionDoesNotExist): "session does not exist",
		uint64(pdu.LoginInvalidDuringLogin): "invalid during login", uint64(pdu.LoginTargetError): "target error",
		uint64(pdu.LoginServiceUnavailable): "service unavailable", uint64(pdu.LoginOutOfResources): "out of resources",
	}
)
