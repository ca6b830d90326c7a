package pdu

import (
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"github.com/ringtgt/ringtgt/internal/check"
	"github.com/ringtgt/ringtgt/internal/must"
)

// val is a field and the value that it is to carry.
type val struct {
	name  string
	value any
}

// vectors are headers written out by hand from the figures of RFC 7143,
// chapter 11: a row of the figure, four bytes, to a group.
var vectors = []struct {
	name string
	op   Opcode
	view func(*BHS) any
	vals []val
	want string
}{
	{"NOP-Out, 11.18", OpNOPOut, func(h *BHS) any { return (*NOPOut)(h) }, []val{
		{"Immediate", true}, {"LUN", uint64(0x0001000000000000)}, {"ITT", uint32(0xffffffff)},
		{"TTT", uint32(0x0a0b0c0d)}, {"CmdSN", uint32(0x11121314)}, {"ExpStatSN", uint32(0x21222324)},
	}, `40800000 00000000 00010000 00000000 ffffffff 0a0b0c0d 11121314 21222324
	    00000000 00000000 00000000 00000000`},
	{"NOP-In, 11.19", OpNOPIn, func(h *BHS) any { return (*NOPIn)(h) }, []val{
		{"LUN", uint64(0x0001000000000000)}, {"ITT", uint32(0x01020304)}, {"TTT", uint32(0xffffffff)},
		{"StatSN", uint32(0x11121314)}, {"ExpCmdSN", uint32(0x21222324)}, {"MaxCmdSN", uint32(0x31323334)},
	}, `20800000 00000000 00010000 00000000 01020304 ffffffff 11121314 21222324
	    31323334 00000000 00000000 00000000`},
	{"SCSI Command, a READ(10), 11.3", OpSCSICommand, func(h *BHS) any { return (*SCSICommand)(h) }, []val{
		{"Final", true}, {"Read", true}, {"Attr", TaskAttrSimple}, {"LUN", uint64(0x0002000000000000)},
		{"ITT", uint32(0x00000017)}, {"ExpectedDataTransferLength", uint32(0x1000)},
		{"CmdSN", uint32(0x000000fe)}, {"ExpStatSN", uint32(0x80000001)},
		{"CDB", &[16]byte{0x28, 0, 0, 0, 0x10, 0, 0, 0, 8, 0}},
	}, `01c10000 00000000 00020000 00000000 00000017 00001000 000000fe 80000001
	    28000000 10000000 08000000 00000000`},
	{"SCSI Command, an immediate HEAD OF QUEUE write with priority, 11.3 and RFC 7144", OpSCSICommand,
		func(h *BHS) any { return (*SCSICommand)(h) }, []val{
			{"Immediate", true}, {"Final", false}, {"Write", true}, {"Attr", TaskAttrHeadOfQueue},
			{"Priority", byte(0x0f)}, {"ITT", uint32(0x80000000)},
		}, `4123f000 00000000 00000000 00000000 80000000 00000000 00000000 00000000
	    00000000 00000000 00000000 00000000`},
	{"SCSI Response, CHECK CONDITION with residuals both ways, 11.4", OpSCSIResponse,
		func(h *BHS) any { return (*SCSIResponse)(h) }, []val{
			{"BidiReadUnderflow", true}, {"Overflow", true}, {"Response", ServiceResponseCompleted},
			{"Status", byte(2)}, {"StatusQualifier", uint16(0x4001)}, {"ITT", uint32(0x01020304)},
			{"SNACKTag", uint32(0x0a0b0c0d)}, {"StatSN", uint32(0x11121314)}, {"ExpCmdSN", uint32(0x21222324)},
			{"MaxCmdSN", uint32(0x31323334)}, {"ExpDataSN", uint32(3)},
			{"BidiReadResidualCount", uint32(0x200)}, {"ResidualCount", uint32(0x400)},
		}, `218c0002 00000000 40010000 00000000 01020304 0a0b0c0d 11121314 21222324
	    31323334 00000003 00000200 00000400`},
	{"SCSI Response, target failure, o and U, 11.4.1", OpSCSIResponse, func(h *BHS) any { return (*SCSIResponse)(h) }, []val{
		{"BidiReadOverflow", true}, {"Underflow", true}, {"Response", ServiceResponseTargetFailure},
	}, `21920100 00000000 00000000 00000000 00000000 00000000 00000000 00000000
	    00000000 00000000 00000000 00000000`},
	{"Task Management Function Request, ABORT TASK, 11.5", OpTaskManagementRequest,
		func(h *BHS) any { return (*TaskManagementRequest)(h) }, []val{
			{"Immediate", true}, {"Function", TMFAbortTask}, {"LUN", uint64(0x0001000000000000)},
			{"ITT", uint32(0x20)}, {"ReferencedTaskTag", uint32(0x1f)}, {"CmdSN", uint32(0x100)},
			{"ExpStatSN", uint32(0x200)}, {"RefCmdSN", uint32(0xff)}, {"ExpDataSN", uint32(7)},
		}, `42810000 00000000 00010000 00000000 00000020 0000001f 00000100 00000200
	    000000ff 00000007 00000000 00000000`},
	{"Task Management Function Request, QUERY ASYNC EVENT, RFC 7144", OpTaskManagementRequest,
		func(h *BHS) any { return (*TaskManagementRequest)(h) }, []val{
			{"Function", TMFQueryAsyncEvent}, {"ReferencedTaskTag", uint32(ReservedTag)},
		}, `028c0000 00000000 00000000 00000000 00000000 ffffffff 00000000 00000000
	    00000000 00000000 00000000 00000000`},
	{"Task Management Function Response, 11.6", OpTaskManagementResponse,
		func(h *BHS) any { return (*TaskManagementResponse)(h) }, []val{
			{"Response", TMFResponseRejected}, {"AdditionalResponseInformation", [3]byte{1, 2, 3}},
			{"ITT", uint32(0x20)}, {"StatSN", uint32(0x11121314)}, {"ExpCmdSN", uint32(0x21222324)},
			{"MaxCmdSN", uint32(0x31323334)},
		}, `2280ff00 00000000 01020300 00000000 00000020 00000000 11121314 21222324
	    31323334 00000000 00000000 00000000`},
	{"Data-Out, last of a solicited sequence, 11.7", OpDataOut, func(h *BHS) any { return (*DataOut)(h) }, []val{
		{"Final", true}, {"LUN", uint64(0x0001000000000000)}, {"ITT", uint32(0x20)}, {"TTT", uint32(0x55667788)},
		{"ExpStatSN", uint32(0x200)}, {"DataSN", uint32(4)}, {"BufferOffset", uint32(0x10000)},
	}, `05800000 00000000 00010000 00000000 00000020 55667788 00000000 00000200
	    00000000 00000004 00010000 00000000`},
	{"Data-In with status collapsed and underflow, 11.7", OpDataIn, func(h *BHS) any { return (*DataIn)(h) }, []val{
		{"Final", true}, {"StatusPresent", true}, {"Underflow", true}, {"Status", byte(0)},
		{"ITT", uint32(0x20)}, {"TTT", uint32(ReservedTag)}, {"StatSN", uint32(0x11121314)},
		{"ExpCmdSN", uint32(0x21222324)}, {"MaxCmdSN", uint32(0x31323334)}, {"DataSN", uint32(1)},
		{"BufferOffset", uint32(0x2000)}, {"ResidualCount", uint32(0x10)},
	}, `25830000 00000000 00000000 00000000 00000020 ffffffff 11121314 21222324
	    31323334 00000001 00002000 00000010`},
	{"Data-In that asks for an acknowledgement, BUSY and overflow, 11.7", OpDataIn, func(h *BHS) any { return (*DataIn)(h) }, []val{
		{"Acknowledge", true}, {"Overflow", true}, {"Status", byte(8)}, {"LUN", uint64(0x0001000000000000)},
		{"TTT", uint32(0x99)},
	}, `25440008 00000000 00010000 00000000 00000000 00000099 00000000 00000000
	    00000000 00000000 00000000 00000000`},
	{"R2T, 11.8", OpR2T, func(h *BHS) any { return (*R2T)(h) }, []val{
		{"LUN", uint64(0x0001000000000000)}, {"ITT", uint32(0x20)}, {"TTT", uint32(0x55667788)},
		{"StatSN", uint32(0x11121314)}, {"ExpCmdSN", uint32(0x21222324)}, {"MaxCmdSN", uint32(0x31323334)},
		{"R2TSN", uint32(2)}, {"BufferOffset", uint32(0x40000)}, {"DesiredDataTransferLength", uint32(0x10000)},
	}, `31800000 00000000 00010000 00000000 00000020 55667788 11121314 21222324
	    31323334 00000002 00040000 00010000`},
	{"Asynchronous Message, drop of a connection, 11.9", OpAsyncMessage, func(h *BHS) any { return (*AsyncMessage)(h) }, []val{
		{"LUN", uint64(0)}, {"ITT", uint32(0xffffffff)}, {"StatSN", uint32(0x11121314)},
		{"ExpCmdSN", uint32(0x21222324)}, {"MaxCmdSN", uint32(0x31323334)},
		{"AsyncEvent", AsyncEventDropConnection}, {"AsyncVCode", byte(0)}, {"Parameter1", uint16(7)},
		{"Parameter2", uint16(2)}, {"Parameter3", uint16(20)},
	}, `32800000 00000000 00000000 00000000 ffffffff 00000000 11121314 21222324
	    31323334 02000007 00020014 00000000`},
	{"Asynchronous Message of a vendor, 11.9.2", OpAsyncMessage, func(h *BHS) any { return (*AsyncMessage)(h) }, []val{
		{"AsyncEvent", AsyncEventVendorSpecific}, {"AsyncVCode", byte(0x5a)},
	}, `32800000 00000000 00000000 00000000 ffffffff 00000000 00000000 00000000
	    00000000 ff5a0000 00000000 00000000`},
	{"Text Request, 11.10", OpTextRequest, func(h *BHS) any { return (*TextRequest)(h) }, []val{
		{"Immediate", true}, {"Final", true}, {"Continue", false}, {"LUN", uint64(0x0001000000000000)},
		{"ITT", uint32(0x20)}, {"TTT", uint32(ReservedTag)}, {"CmdSN", uint32(0x100)}, {"ExpStatSN", uint32(0x200)},
	}, `44800000 00000000 00010000 00000000 00000020 ffffffff 00000100 00000200
	    00000000 00000000 00000000 00000000`},
	{"Text Response that goes on, 11.11", OpTextResponse, func(h *BHS) any { return (*TextResponse)(h) }, []val{
		{"Final", false}, {"Continue", true}, {"LUN", uint64(0x0001000000000000)}, {"ITT", uint32(0x20)},
		{"TTT", uint32(0x99)}, {"StatSN", uint32(0x11121314)}, {"ExpCmdSN", uint32(0x21222324)},
		{"MaxCmdSN", uint32(0x31323334)},
	}, `24400000 00000000 00010000 00000000 00000020 00000099 11121314 21222324
	    31323334 00000000 00000000 00000000`},
	{"Login Request from operational negotiation to full feature phase, 11.12", OpLoginRequest,
		func(h *BHS) any { return (*LoginRequest)(h) }, []val{
			{"Immediate", true}, {"Transit", true}, {"Continue", false},
			{"CSG", StageLoginOperationalNegotiation}, {"NSG", StageFullFeaturePhase},
			{"VersionMax", byte(1)}, {"VersionMin", byte(0)}, {"ISID", [6]byte{0x40, 1, 2, 3, 4, 5}},
			{"TSIH", uint16(0x8001)}, {"ITT", uint32(0x01020304)}, {"CID", uint16(0x0a0b)},
			{"CmdSN", uint32(0x11121314)}, {"ExpStatSN", uint32(0x21222324)},
		}, `43870100 00000000 40010203 04058001 01020304 0a0b0000 11121314 21222324
	    00000000 00000000 00000000 00000000`},
	{"Login Response, authentication failure, 11.13", OpLoginResponse, func(h *BHS) any { return (*LoginResponse)(h) }, []val{
		{"Transit", false}, {"Continue", true}, {"CSG", StageSecurityNegotiation}, {"NSG", StageLoginOperationalNegotiation},
		{"VersionMax", byte(0)}, {"VersionActive", byte(2)}, {"ISID", [6]byte{0x40, 1, 2, 3, 4, 5}},
		{"TSIH", uint16(0x8001)}, {"ITT", uint32(0x01020304)}, {"StatSN", uint32(0x11121314)},
		{"ExpCmdSN", uint32(0x21222324)}, {"MaxCmdSN", uint32(0x31323334)},
		{"Status", LoginAuthenticationFailure}, {"StatusClass", byte(2)}, {"StatusDetail", byte(1)},
	}, `23410002 00000000 40010203 04058001 01020304 00000000 11121314 21222324
	    31323334 02010000 00000000 00000000`},
	{"Logout Request for recovery, 11.14", OpLogoutRequest, func(h *BHS) any { return (*LogoutRequest)(h) }, []val{
		{"Immediate", true}, {"Reason", LogoutRemoveConnectionForRecovery}, {"ITT", uint32(0x20)},
		{"CID", uint16(0x0a0b)}, {"CmdSN", uint32(0x100)}, {"ExpStatSN", uint32(0x200)},
	}, `46820000 00000000 00000000 00000000 00000020 0a0b0000 00000100 00000200
	    00000000 00000000 00000000 00000000`},
	{"Logout Response, 11.15", OpLogoutResponse, func(h *BHS) any { return (*LogoutResponse)(h) }, []val{
		{"Response", LogoutResponseCleanupFailed}, {"ITT", uint32(0x20)}, {"StatSN", uint32(0x11121314)},
		{"ExpCmdSN", uint32(0x21222324)}, {"MaxCmdSN", uint32(0x31323334)}, {"Time2Wait", uint16(2)},
		{"Time2Retain", uint16(0x1234)},
	}, `26800300 00000000 00000000 00000000 00000020 00000000 11121314 21222324
	    31323334 00000000 00021234 00000000`},
	{"R-Data SNACK, 11.16", OpSNACKRequest, func(h *BHS) any { return (*SNACKRequest)(h) }, []val{
		{"Type", SNACKRData}, {"LUN", uint64(0x0001000000000000)}, {"ITT", uint32(0x20)},
		{"SNACKTag", uint32(0x77)}, {"TTT", uint32(0x77)}, {"ExpStatSN", uint32(0x200)},
		{"BegRun", uint32(5)}, {"RunLength", uint32(3)},
	}, `10830000 00000000 00010000 00000000 00000020 00000077 00000000 00000200
	    00000000 00000000 00000005 00000003`},
	{"Reject, 11.17", OpReject, func(h *BHS) any { return (*Reject)(h) }, []val{
		{"Reason", RejectWaitingForLogout}, {"ITT", uint32(0xffffffff)}, {"StatSN", uint32(0x11121314)},
		{"ExpCmdSN", uint32(0x21222324)}, {"MaxCmdSN", uint32(0x31323334)}, {"DataSN", uint32(9)},
	}, `3f800c00 00000000 00000000 00000000 ffffffff 00000000 11121314 21222324
	    31323334 00000009 00000000 00000000`},
}

// What the setters write is what the figures show, and what the getters read
// is what the setters were given.
func TestVectors(t *testing.T) {
	seen := map[Opcode]bool{}
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			seen[v.op] = true
			raw, err := hex.DecodeString(strings.Join(strings.Fields(v.want), ""))
			must.Be(t, err == nil && len(raw) == BHSLen, "bad vector: %d bytes, %v", len(raw), err)
			var h BHS
			h.Init(v.op)
			view := reflect.ValueOf(v.view(&h))
			for _, x := range v.vals {
				if x.name == "CDB" {
					*view.MethodByName("CDB").Call(nil)[0].Interface().(*[16]byte) = *x.value.(*[16]byte)
					continue
				}
				view.MethodByName("Set" + x.name).Call([]reflect.Value{reflect.ValueOf(x.value)})
			}
			check.That(t, h == BHS(raw), "setters wrote\n% x, the figure says\n% x", h, raw)
			// The getters read bytes that no setter wrote.
			h = BHS(raw)
			for _, x := range v.vals {
				if got := view.MethodByName(x.name).Call(nil)[0].Interface(); !reflect.DeepEqual(got, x.value) {
					t.Errorf("%s() = %v, want %v", x.name, got, x.value)
				}
			}
		})
	}
	for _, l := range layouts {
		if !seen[Opcode(l.op)] {
			t.Errorf("no vector for %v", Opcode(l.op))
		}
	}
}

// The values of every code table, as the RFCs list them.
func TestCodes(t *testing.T) {
	for _, c := range []struct {
		table string
		got   []int
		want  []int
	}{
		{"task attributes, 11.3.1", codes(TaskAttrUntagged, TaskAttrSimple, TaskAttrOrdered, TaskAttrHeadOfQueue, TaskAttrACA),
			[]int{0, 1, 2, 3, 4}},
		{"service responses, 11.4.3", codes(ServiceResponseCompleted, ServiceResponseTargetFailure), []int{0, 1}},
		{"task management functions, 11.5.1 and RFC 7144", codes(TMFAbortTask, TMFAbortTaskSet, TMFClearACA, TMFClearTaskSet,
			TMFLogicalUnitReset, TMFTargetWarmReset, TMFTargetColdReset, TMFTaskReassign, TMFQueryTask, TMFQueryTaskSet,
			TMFITNexusReset, TMFQueryAsyncEvent), []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		{"task management responses, 11.6.1 and RFC 7144", codes(TMFResponseComplete, TMFResponseTaskDoesNotExist,
			TMFResponseLUNDoesNotExist, TMFResponseTaskStillAllegiant, TMFResponseReassignNotSupported,
			TMFResponseFunctionNotSupported, TMFResponseAuthorizationFailed, TMFResponseFunctionSucceeded, TMFResponseRejected),
			[]int{0, 1, 2, 3, 4, 5, 6, 7, 255}},
		{"asynchronous events, 11.9.1", codes(AsyncEventSCSI, AsyncEventLogoutRequest, AsyncEventDropConnection,
			AsyncEventDropAllConnections, AsyncEventNegotiationRequest, AsyncEventTasksTerminated, AsyncEventVendorSpecific),
			[]int{0, 1, 2, 3, 4, 5, 255}},
		{"login stages, 11.12.3", codes(StageSecurityNegotiation, StageLoginOperationalNegotiation, StageFullFeaturePhase), []int{0, 1, 3}},
		{"login statuses, 11.13.5", codes(LoginSuccess, LoginTargetMovedTemporarily, LoginTargetMovedPermanently, LoginInitiatorError,
			LoginAuthenticationFailure, LoginAuthorizationFailure, LoginNotFound, LoginTargetRemoved, LoginUnsupportedVersion,
			LoginTooManyConnections, LoginMissingParameter, LoginCannotIncludeInSession, LoginSessionTypeNotSupported,
			LoginSessionDoesNotExist, LoginInvalidDuringLogin, LoginTargetError, LoginServiceUnavailable, LoginOutOfResources),
			[]int{0, 0x101, 0x102, 0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x209, 0x20a, 0x20b, 0x300, 0x301, 0x302}},
		{"logout reasons, 11.14.1", codes(LogoutCloseSession, LogoutCloseConnection, LogoutRemoveConnectionForRecovery), []int{0, 1, 2}},
		{"logout responses, 11.15.1", codes(LogoutResponseSuccess, LogoutResponseCIDNotFound, LogoutResponseRecoveryNotSupported,
			LogoutResponseCleanupFailed), []int{0, 1, 2, 3}},
		{"SNACK types, 11.16.1", codes(SNACKDataR2T, SNACKStatus, SNACKDataACK, SNACKRData), []int{0, 1, 2, 3}},
		{"reject reasons, 11.17.1", codes(RejectDataDigestError, RejectSNACK, RejectProtocolError, RejectCommandNotSupported,
			RejectImmediateCommand, RejectTaskInProgress, RejectInvalidDataACK, RejectInvalidPDUField, RejectLongOperation,
			RejectWaitingForLogout), []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 12}},
	} {
		check.That(t, reflect.DeepEqual(c.got, c.want), "%s: %v, want %v", c.table, c.got, c.want)
	}
	if c, d := LoginInvalidDuringLogin.Class(), LoginInvalidDuringLogin.Detail(); c != 2 || d != 0x0b {
		t.Errorf("invalid during login is class %d, detail %d", c, d)
	}
}

func codes[T ~byte | ~uint16](v ...T) []int {
	out := make([]int, len(v))
	for i, x := range v {
		out[i] = int(x)
	}
	return out
}
