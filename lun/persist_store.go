package lun

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// The state that survives a loss of power (SPC-4 5.13.5.1): for each registration the initiator port's name, the key, the target
// port and the account; for the reservation its type and holder. PRGENERATION does not: it "shall be set to zero as part of the
// power on reset" (6.15.2). A value that is not empty means APTPL.

const prImageVersion = 1

type prImage struct {
	Version       int
	Registrations []prImageReg
	Type          uint8       `json:",omitempty"` // TYPE of the reservation, 0 for none
	Holder        *prImageReg `json:",omitempty"` // without its key; absent for All Registrants types
}

type prImageReg struct {
	Initiator string // name of the initiator port: "<iSCSI name>,i,0x<ISID>"
	TPGT      uint16 // portal group tag of the target port
	RelPort   uint16 `json:",omitempty"`
	Key       string `json:",omitempty"` // "0x" and hexadecimal digits
	Account   string `json:",omitempty"` // of the registrant
}

// encode returns the value to save for s: empty if nothing in s must survive.
func (s *prState) encode() []byte {
	if !s.aptpl {
		return nil
	}
	image := prImage{Version: prImageVersion, Registrations: []prImageReg{}, Type: uint8(s.typ)}
	for _, g := range s.regs {
		image.Registrations = append(image.Registrations,
			prImageReg{Initiator: g.id.port, TPGT: g.id.tpgt, RelPort: g.relPort, Key: fmt.Sprintf("%#x", g.key), Account: g.account})
	}
	if s.typ != prNone && !s.typ.all() {
		image.Holder = &prImageReg{Initiator: s.holder.port, TPGT: s.holder.tpgt}
	}
	value, err := json.Marshal(&image)
	if err != nil {
		panic("lun: " + err.Error()) // strings and numbers always marshal
	}
	return value
}

var errReservationImage = errors.New("not what this program saves")

// decodeReservations parses a saved value. It accepts only values that encode could have made.
func decodeReservations(value []byte) (s prState, err error) {
	if len(value) == 0 {
		return s, nil
	}
	var image prImage
	if err := json.Unmarshal(value, &image); err != nil {
		return s, err
	}
	if image.Version != prImageVersion {
		return s, fmt.Errorf("version %d, not %d", image.Version, prImageVersion)
	}
	s.aptpl = true
	for _, r := range image.Registrations {
		key, err := strconv.ParseUint(r.Key, 0, 64)
		g := registration{nexusID{r.Initiator, r.TPGT}, r.RelPort, key, r.Account}
		if err != nil || key == 0 || r.Initiator == "" || s.find(g.id) >= 0 || len(s.regs) >= MaxRegistrations {
			return prState{}, errReservationImage
		}
		s.regs = append(s.regs, g)
	}
	s.typ = prType(image.Type)
	if image.Holder != nil {
		s.holder = nexusID{image.Holder.Initiator, image.Holder.TPGT}
	}
	switch {
	case s.typ != prNone && !s.typ.valid(),
		(image.Holder != nil) != (s.typ != prNone && !s.typ.all()),
		image.Holder != nil && s.find(s.holder) < 0,
		s.typ != prNone && len(s.regs) == 0:
		return prState{}, errReservationImage
	}
	return s, nil
}

// storeKey names the unit's reservations in the target's Store. They belong to the medium, not to its LUN.
func (u *Unit) storeKey() string { return "reservations/" + u.cfg.ID }

// canStore reports whether the unit can persist reservations through power loss (PTPL_C).
func (u *Unit) canStore() bool { return u.target.cfg.Store != nil && u.cfg.ID != "" }

// saveReservations saves the reservations. It blocks: call it in Loop.Go.
func (u *Unit) saveReservations(image []byte) error {
	return u.target.cfg.Store.Save(u.storeKey(), image)
}

// restoreReservations loads the saved reservations, before the unit gets its first command. A unit whose reservations
// are unknown is not served: an initiator may rely on exclusive access to it.
func (u *Unit) restoreReservations() error {
	if !u.canStore() {
		return nil
	}
	value, err := u.target.cfg.Store.Load(u.storeKey())
	if err == nil {
		u.pr.now, err = decodeReservations(value)
	}
	if err != nil {
		return fmt.Errorf("lun: saved reservations %q: %w", u.storeKey(), err)
	}
	u.pr.stored = len(value) > 0
	u.publishReservation()
	return nil
}
