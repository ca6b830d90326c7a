package pdu

// TaskFunction is a task management function (RFC 7143, 11.5.1; RFC 7144
// adds those from 9 on, in force at iSCSIProtocolLevel 2).
type TaskFunction byte

// Task management functions.
const (
	TMFAbortTask        TaskFunction = 1
	TMFAbortTaskSet     TaskFunction = 2
	TMFClearACA         TaskFunction = 3
	TMFClearTaskSet     TaskFunction = 4
	TMFLogicalUnitReset TaskFunction = 5
	TMFTargetWarmReset  TaskFunction = 6
	TMFTargetColdReset  TaskFunction = 7
	TMFTaskReassign     TaskFunction = 8
	TMFQueryTask        TaskFunction = 9
	TMFQueryTaskSet     TaskFunction = 10
	TMFITNexusReset     TaskFunction = 11
	TMFQueryAsyncEvent  TaskFunction = 12
)

// TaskResponse is the outcome of a task management function (RFC 7143,
// 11.6.1; RFC 7144 adds 7).
type TaskResponse byte

// Task management function responses.
const (
	TMFResponseComplete             TaskResponse = 0
	TMFResponseTaskDoesNotExist     TaskResponse = 1
	TMFResponseLUNDoesNotExist      TaskResponse = 2
	TMFResponseTaskStillAllegiant   TaskResponse = 3
	TMFResponseReassignNotSupported TaskResponse = 4
	TMFResponseFunctionNotSupported TaskResponse = 5
	TMFResponseAuthorizationFailed  TaskResponse = 6
	TMFResponseFunctionSucceeded    TaskResponse = 7 // QUERY TASK and its kin found something
	TMFResponseRejected             TaskResponse = 255
)

// TaskManagementRequest is the view of a Task Management Function Request PDU
// (RFC 7143, 11.5).
type TaskManagementRequest BHS

// BHS returns the header that the view shows.
func (h *TaskManagementRequest) BHS() *BHS { return (*BHS)(h) }

// Immediate returns the I bit (11.2.1.1).
func (h *TaskManagementRequest) Immediate() bool { return h[0]&bitImmediate != 0 }

// SetImmediate stores the I bit.
func (h *TaskManagementRequest) SetImmediate(v bool) { setBit(&h[0], bitImmediate, v) }

// Function returns the function (11.5.1).
func (h *TaskManagementRequest) Function() TaskFunction { return TaskFunction(h[1] & 0x7f) }

// SetFunction stores the function.
func (h *TaskManagementRequest) SetFunction(v TaskFunction) { h[1] = h[1]&^0x7f | byte(v)&0x7f }

// LUN returns the LUN field, valid for functions that address one logical
// unit (11.5.3).
func (h *TaskManagementRequest) LUN() uint64 { return h.BHS().LUN() }

// SetLUN stores the LUN field.
func (h *TaskManagementRequest) SetLUN(v uint64) { h.BHS().SetLUN(v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *TaskManagementRequest) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *TaskManagementRequest) SetITT(v uint32) { h.BHS().put32(16, v) }

// ReferencedTaskTag returns the Initiator Task Tag of the task that ABORT
// TASK, TASK REASSIGN and QUERY TASK name, else ReservedTag (11.5.4).
func (h *TaskManagementRequest) ReferencedTaskTag() uint32 { return h.BHS().u32(20) }

// SetReferencedTaskTag stores ReferencedTaskTag.
func (h *TaskManagementRequest) SetReferencedTaskTag(v uint32) { h.BHS().put32(20, v) }

// CmdSN returns the command sequence number (11.3.2).
func (h *TaskManagementRequest) CmdSN() uint32 { return h.BHS().u32(24) }

// SetCmdSN stores CmdSN.
func (h *TaskManagementRequest) SetCmdSN(v uint32) { h.BHS().put32(24, v) }

// ExpStatSN returns the next StatSN that the initiator expects on this
// connection (11.3.3).
func (h *TaskManagementRequest) ExpStatSN() uint32 { return h.BHS().u32(28) }

// SetExpStatSN stores ExpStatSN.
func (h *TaskManagementRequest) SetExpStatSN(v uint32) { h.BHS().put32(28, v) }

// RefCmdSN returns the CmdSN of the task that ABORT TASK names (11.5.5).
func (h *TaskManagementRequest) RefCmdSN() uint32 { return h.BHS().u32(32) }

// SetRefCmdSN stores RefCmdSN.
func (h *TaskManagementRequest) SetRefCmdSN(v uint32) { h.BHS().put32(32, v) }

// ExpDataSN returns, for TASK REASSIGN, the next DataSN that the initiator
// expects (11.5.6).
func (h *TaskManagementRequest) ExpDataSN() uint32 { return h.BHS().u32(36) }

// SetExpDataSN stores ExpDataSN.
func (h *TaskManagementRequest) SetExpDataSN(v uint32) { h.BHS().put32(36, v) }

// TaskManagementResponse is the view of a Task Management Function Response
// PDU (RFC 7143, 11.6).
type TaskManagementResponse BHS

// BHS returns the header that the view shows.
func (h *TaskManagementResponse) BHS() *BHS { return (*BHS)(h) }

// Response returns the outcome (11.6.1).
func (h *TaskManagementResponse) Response() TaskResponse { return TaskResponse(h[2]) }

// SetResponse stores Response.
func (h *TaskManagementResponse) SetResponse(v TaskResponse) { h[2] = byte(v) }

// AdditionalResponseInformation returns SAM-5's additional response
// information, in force at iSCSIProtocolLevel 2 (RFC 7144).
func (h *TaskManagementResponse) AdditionalResponseInformation() [3]byte { return [3]byte(h[8:11]) }

// SetAdditionalResponseInformation stores AdditionalResponseInformation.
func (h *TaskManagementResponse) SetAdditionalResponseInformation(v [3]byte) {
	*(*[3]byte)(h[8:11]) = v
}

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *TaskManagementResponse) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *TaskManagementResponse) SetITT(v uint32) { h.BHS().put32(16, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *TaskManagementResponse) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *TaskManagementResponse) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *TaskManagementResponse) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *TaskManagementResponse) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *TaskManagementResponse) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *TaskManagementResponse) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }
