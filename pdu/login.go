package pdu

// bitContinue is the C bit of login and text PDUs, in byte 1
// (RFC 7143, 11.10.2, 11.12.2).
const bitContinue = 0x40

// Stage is a stage of the login phase (RFC 7143, 11.12.3). 2 is reserved.
type Stage byte

// Login stages.
const (
	StageSecurityNegotiation         Stage = 0
	StageLoginOperationalNegotiation Stage = 1
	StageFullFeaturePhase            Stage = 3
)

// LoginStatus is the outcome of a login: Status-Class in the high byte,
// Status-Detail in the low one (RFC 7143, 11.13.5).
type LoginStatus uint16

// Login statuses: the whole table of RFC 7143, 11.13.5.
const (
	LoginSuccess                 LoginStatus = 0x0000
	LoginTargetMovedTemporarily  LoginStatus = 0x0101
	LoginTargetMovedPermanently  LoginStatus = 0x0102
	LoginInitiatorError          LoginStatus = 0x0200
	LoginAuthenticationFailure   LoginStatus = 0x0201
	LoginAuthorizationFailure    LoginStatus = 0x0202
	LoginNotFound                LoginStatus = 0x0203
	LoginTargetRemoved           LoginStatus = 0x0204
	LoginUnsupportedVersion      LoginStatus = 0x0205
	LoginTooManyConnections      LoginStatus = 0x0206
	LoginMissingParameter        LoginStatus = 0x0207
	LoginCannotIncludeInSession  LoginStatus = 0x0208
	LoginSessionTypeNotSupported LoginStatus = 0x0209
	LoginSessionDoesNotExist     LoginStatus = 0x020a
	LoginInvalidDuringLogin      LoginStatus = 0x020b
	LoginTargetError             LoginStatus = 0x0300
	LoginServiceUnavailable      LoginStatus = 0x0301
	LoginOutOfResources          LoginStatus = 0x0302
)

// Class returns Status-Class: 0 success, 1 redirection, 2 the initiator's
// error, 3 the target's.
func (s LoginStatus) Class() byte { return byte(s >> 8) }

// Detail returns Status-Detail.
func (s LoginStatus) Detail() byte { return byte(s) }

// LoginRequest is the view of a Login Request PDU (RFC 7143, 11.12).
type LoginRequest BHS

// BHS returns the header that the view shows.
func (h *LoginRequest) BHS() *BHS { return (*BHS)(h) }

// Immediate returns the I bit (11.2.1.1).
func (h *LoginRequest) Immediate() bool { return h[0]&bitImmediate != 0 }

// SetImmediate stores the I bit.
func (h *LoginRequest) SetImmediate(v bool) { setBit(&h[0], bitImmediate, v) }

// Transit returns the T bit: the sender is ready to go to stage NSG (11.12.1,
// 11.13).
func (h *LoginRequest) Transit() bool { return h[1]&bitFinal != 0 }

// SetTransit stores the T bit.
func (h *LoginRequest) SetTransit(v bool) { setBit(&h[1], bitFinal, v) }

// Continue returns the C bit: the text continues in the next PDU (11.12.2).
func (h *LoginRequest) Continue() bool { return h[1]&bitContinue != 0 }

// SetContinue stores the C bit.
func (h *LoginRequest) SetContinue(v bool) { setBit(&h[1], bitContinue, v) }

// CSG returns the current stage (11.12.3).
func (h *LoginRequest) CSG() Stage { return Stage(h[1] >> 2 & 3) }

// SetCSG stores CSG.
func (h *LoginRequest) SetCSG(v Stage) { h[1] = h[1]&^(3<<2) | byte(v)&3<<2 }

// NSG returns the next stage, valid with the T bit (11.12.3).
func (h *LoginRequest) NSG() Stage { return Stage(h[1] & 3) }

// SetNSG stores NSG.
func (h *LoginRequest) SetNSG(v Stage) { h[1] = h[1]&^3 | byte(v)&3 }

// VersionMax returns the highest protocol version that the initiator supports
// (11.12.4).
func (h *LoginRequest) VersionMax() byte { return h[2] }

// SetVersionMax stores VersionMax.
func (h *LoginRequest) SetVersionMax(v byte) { h[2] = v }

// VersionMin returns the lowest protocol version that the initiator supports
// (11.12.4).
func (h *LoginRequest) VersionMin() byte { return h[3] }

// SetVersionMin stores VersionMin.
func (h *LoginRequest) SetVersionMin(v byte) { h[3] = v }

// ISID returns the initiator part of the session identifier (11.12.5).
func (h *LoginRequest) ISID() [6]byte { return [6]byte(h[8:14]) }

// SetISID stores ISID.
func (h *LoginRequest) SetISID(v [6]byte) { *(*[6]byte)(h[8:14]) = v }

// TSIH returns the target session identifying handle; 0 asks for a new
// session (11.12.6).
func (h *LoginRequest) TSIH() uint16 { return h.BHS().u16(14) }

// SetTSIH stores TSIH.
func (h *LoginRequest) SetTSIH(v uint16) { h.BHS().put16(14, v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *LoginRequest) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *LoginRequest) SetITT(v uint32) { h.BHS().put32(16, v) }

// CID returns the connection ID (11.12.7).
func (h *LoginRequest) CID() uint16 { return h.BHS().u16(20) }

// SetCID stores CID.
func (h *LoginRequest) SetCID(v uint16) { h.BHS().put16(20, v) }

// CmdSN returns the command sequence number (11.3.2).
func (h *LoginRequest) CmdSN() uint32 { return h.BHS().u32(24) }

// SetCmdSN stores CmdSN.
func (h *LoginRequest) SetCmdSN(v uint32) { h.BHS().put32(24, v) }

// ExpStatSN returns, if the connection replaces another, the next StatSN expected
// on that one (11.12.9).
func (h *LoginRequest) ExpStatSN() uint32 { return h.BHS().u32(28) }

// SetExpStatSN stores ExpStatSN.
func (h *LoginRequest) SetExpStatSN(v uint32) { h.BHS().put32(28, v) }

// LoginResponse is the view of a Login Response PDU (RFC 7143, 11.13).
type LoginResponse BHS

// BHS returns the header that the view shows.
func (h *LoginResponse) BHS() *BHS { return (*BHS)(h) }

// Transit returns the T bit: the sender is ready to go to stage NSG (11.12.1,
// 11.13).
func (h *LoginResponse) Transit() bool { return h[1]&bitFinal != 0 }

// SetTransit stores the T bit.
func (h *LoginResponse) SetTransit(v bool) { setBit(&h[1], bitFinal, v) }

// Continue returns the C bit: the text continues in the next PDU (11.12.2).
func (h *LoginResponse) Continue() bool { return h[1]&bitContinue != 0 }

// SetContinue stores the C bit.
func (h *LoginResponse) SetContinue(v bool) { setBit(&h[1], bitContinue, v) }

// CSG returns the current stage (11.12.3).
func (h *LoginResponse) CSG() Stage { return Stage(h[1] >> 2 & 3) }

// SetCSG stores CSG.
func (h *LoginResponse) SetCSG(v Stage) { h[1] = h[1]&^(3<<2) | byte(v)&3<<2 }

// NSG returns the next stage, valid with the T bit (11.12.3).
func (h *LoginResponse) NSG() Stage { return Stage(h[1] & 3) }

// SetNSG stores NSG.
func (h *LoginResponse) SetNSG(v Stage) { h[1] = h[1]&^3 | byte(v)&3 }

// VersionMax returns the highest protocol version that the target supports
// (11.13.1).
func (h *LoginResponse) VersionMax() byte { return h[2] }

// SetVersionMax stores VersionMax.
func (h *LoginResponse) SetVersionMax(v byte) { h[2] = v }

// VersionActive returns the protocol version in use (11.13.2).
func (h *LoginResponse) VersionActive() byte { return h[3] }

// SetVersionActive stores VersionActive.
func (h *LoginResponse) SetVersionActive(v byte) { h[3] = v }

// ISID returns the ISID, copied from the request.
func (h *LoginResponse) ISID() [6]byte { return [6]byte(h[8:14]) }

// SetISID stores ISID.
func (h *LoginResponse) SetISID(v [6]byte) { *(*[6]byte)(h[8:14]) = v }

// TSIH returns the handle that the target gives a new session, in the final
// response only, else the request's (11.13.3).
func (h *LoginResponse) TSIH() uint16 { return h.BHS().u16(14) }

// SetTSIH stores TSIH.
func (h *LoginResponse) SetTSIH(v uint16) { h.BHS().put16(14, v) }

// ITT returns the Initiator Task Tag (11.2.1.8).
func (h *LoginResponse) ITT() uint32 { return h.BHS().u32(16) }

// SetITT stores the Initiator Task Tag.
func (h *LoginResponse) SetITT(v uint32) { h.BHS().put32(16, v) }

// StatSN returns the status sequence number (11.4.9).
func (h *LoginResponse) StatSN() uint32 { return h.BHS().u32(24) }

// SetStatSN stores StatSN.
func (h *LoginResponse) SetStatSN(v uint32) { h.BHS().put32(24, v) }

// ExpCmdSN returns the next CmdSN that the target expects (11.4.10).
func (h *LoginResponse) ExpCmdSN() uint32 { return h.BHS().u32(28) }

// SetExpCmdSN stores ExpCmdSN.
func (h *LoginResponse) SetExpCmdSN(v uint32) { h.BHS().put32(28, v) }

// MaxCmdSN returns the highest CmdSN that the target accepts (11.4.11).
func (h *LoginResponse) MaxCmdSN() uint32 { return h.BHS().u32(32) }

// SetMaxCmdSN stores MaxCmdSN.
func (h *LoginResponse) SetMaxCmdSN(v uint32) { h.BHS().put32(32, v) }

// Status returns Status-Class and Status-Detail as one number, class first
// (11.13.5).
func (h *LoginResponse) Status() LoginStatus { return LoginStatus(h.BHS().u16(36)) }

// SetStatus stores StatusClass and StatusDetail.
func (h *LoginResponse) SetStatus(v LoginStatus) { h.BHS().put16(36, uint16(v)) }

// StatusClass returns the Status-Class byte (11.13.5).
func (h *LoginResponse) StatusClass() byte { return h[36] }

// SetStatusClass stores StatusClass.
func (h *LoginResponse) SetStatusClass(v byte) { h[36] = v }

// StatusDetail returns the Status-Detail byte (11.13.5).
func (h *LoginResponse) StatusDetail() byte { return h[37] }

// SetStatusDetail stores StatusDetail.
func (h *LoginResponse) SetStatusDetail(v byte) { h[37] = v }
