package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"reflect"

	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/admin"
	"github.com/ringtgt/ringtgt/tools/ringtgt/internal/config"
)

// A change in JSON is an admin.Op with its name: {"op": "add_target", "name": "iqn..."}. POST /v1/changes takes a list of them.

// opForm is the JSON of one kind of admin.Op.
type opForm struct {
	name string
	op   reflect.Type
	// read and write convert; nil: the Op's own JSON.
	read  func([]byte) (admin.Op, error)
	write func(admin.Op) any
}

func plainForm[T admin.Op](name string) opForm {
	return opForm{name: name, op: reflect.TypeFor[T](), read: func(text []byte) (admin.Op, error) {
		var op T
		err := strict(text, &op)
		return op, err
	}, write: func(op admin.Op) any { return op }}
}

// form is for an Op whose JSON is a type W of this package.
func form[T admin.Op, W any](name string, read func(*W) (T, error), write func(T) W) opForm {
	return opForm{name: name, op: reflect.TypeFor[T](), read: func(text []byte) (admin.Op, error) {
		var w W
		if err := strict(text, &w); err != nil {
			return nil, err
		}
		op, err := read(&w)
		return op, err
	}, write: func(op admin.Op) any { return write(op.(T)) }}
}

// opForms has every Op.
func opForms() []opForm {
	return []opForm{
		plainForm[admin.AddTarget]("add_target"),
		form("set_target", (*setTarget).op, setTargetOf),
		plainForm[admin.RemoveTarget]("remove_target"),
		form("add_lun", (*addLUN).op, addLUNOf),
		form("set_lun", (*setLUN).op, setLUNOf),
		plainForm[admin.ResizeLUN]("resize_lun"),
		plainForm[admin.RemoveLUN]("remove_lun"),
		plainForm[admin.AddAccount]("add_account"),
		plainForm[admin.RemoveAccount]("remove_account"),
		plainForm[admin.AddACL]("add_acl"),
		plainForm[admin.RemoveACL]("remove_acl"),
		plainForm[admin.AddPortal]("add_portal"),
		plainForm[admin.RemovePortal]("remove_portal"),
		plainForm[admin.AddPool]("add_pool"),
		plainForm[admin.RemovePool]("remove_pool"),
		plainForm[admin.ExportFile]("export_file"),
		plainForm[admin.UnexportFile]("unexport_file"),
		plainForm[admin.Prune]("prune"),
	}
}

// decodeOp reads one change.
func decodeOp(text []byte) (admin.Op, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	var name string
	if err := json.Unmarshal(fields["op"], &name); err != nil {
		return nil, errors.New(`a change needs its name: "op": "add_target"`)
	}
	delete(fields, "op")
	rest, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	for _, f := range opForms() {
		if f.name != name {
			continue
		}
		op, err := f.read(rest)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return op, nil
	}
	return nil, fmt.Errorf("there is no change %q", name)
}

// encodeOp is the inverse of decodeOp.
func encodeOp(op admin.Op) (json.RawMessage, error) {
	for _, f := range opForms() {
		if f.op != reflect.TypeOf(op) {
			continue
		}
		text, err := json.Marshal(f.write(op))
		if err != nil {
			return nil, err
		}
		head := fmt.Sprintf(`{"op":%q`, f.name)
		if rest := bytes.TrimPrefix(text, []byte("{")); len(rest) > 1 {
			return append([]byte(head+","), rest...), nil
		}
		return []byte(head + "}"), nil
	}
	return nil, fmt.Errorf("%T has no JSON", op)
}

// strict decodes one JSON value and refuses unknown names, which are misspelt ones.
func strict(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more follows after the value")
	}
	return nil
}

type addLUN struct {
	Target string `json:"target"`
	LUN    LUN    `json:"lun"`
}

func (w *addLUN) op() (admin.AddLUN, error) {
	l, err := w.LUN.config()
	return admin.AddLUN{Target: w.Target, LUN: l}, err
}

func addLUNOf(op admin.AddLUN) addLUN {
	w := addLUN{Target: op.Target, LUN: lunOf(&op.LUN)}
	if op.LUN.Number < 0 {
		w.LUN.LUN = nil
	}
	return w
}

type setLUN struct {
	Target string `json:"target"`
	Number int    `json:"number"`
	LUNChange
}

// LUNChange is what can change while a unit is in use; what is missing stays.
type LUNChange struct {
	ReadOnly *bool     `json:"read_only,omitempty"`
	Exports  *[]Export `json:"export,omitempty"` // empty: every initiator sees it
	QoS      *QoS      `json:"qos,omitempty"`
	Size     Size      `json:"size,omitempty"`
}

func (w *setLUN) op() (admin.SetLUN, error) {
	if w.Size != 0 {
		return admin.SetLUN{}, errors.New("set_lun has no size; use resize_lun")
	}
	return w.set(w.Target, w.Number)
}

// set is the change without the size.
func (c *LUNChange) set(target string, number int) (admin.SetLUN, error) {
	op := admin.SetLUN{Target: target, Number: number, ReadOnly: c.ReadOnly}
	if c.Exports != nil {
		op.Exports = append([]config.Export{}, exports(*c.Exports)...)
	}
	if c.QoS != nil {
		q, err := c.QoS.config()
		if err != nil {
			return op, err
		}
		op.QoS = &q
	}
	return op, nil
}

func setLUNOf(op admin.SetLUN) setLUN {
	w := setLUN{Target: op.Target, Number: op.Number, LUNChange: LUNChange{ReadOnly: op.ReadOnly}}
	if op.Exports != nil {
		e := append([]Export{}, exportsOf(op.Exports)...)
		w.Exports = &e
	}
	if op.QoS != nil {
		if w.QoS = QoSOf(*op.QoS); w.QoS == nil {
			w.QoS = &QoS{}
		}
	}
	return w
}

type setTarget struct {
	Name string `json:"name"`
	TargetChange
}

// TargetChange is what can change while a target is in use; what is missing stays.
type TargetChange struct {
	Alias      *string    `json:"alias,omitempty"`
	Limits     *Limits    `json:"limits,omitempty"`
	Algorithms []string   `json:"algorithms,omitempty"`
	QoS        *[]HostQoS `json:"initiator_qos,omitempty"` // empty: no bounds
}

func (w *setTarget) op() (admin.SetTarget, error) { return w.set(w.Name) }

func (c *TargetChange) set(name string) (op admin.SetTarget, err error) {
	op = admin.SetTarget{Name: name, Alias: c.Alias, Algorithms: c.Algorithms}
	if c.Limits != nil {
		l := c.Limits.config()
		op.Limits = &l
	}
	if c.QoS != nil {
		list, err := hostQoS(*c.QoS)
		if err != nil {
			return op, err
		}
		op.QoS = append([]config.InitiatorQoS{}, list...)
	}
	return op, nil
}

func setTargetOf(op admin.SetTarget) setTarget {
	w := setTarget{Name: op.Name, TargetChange: TargetChange{Alias: op.Alias, Algorithms: op.Algorithms}}
	if op.Limits != nil {
		if w.Limits = limitsOf(*op.Limits); w.Limits == nil {
			w.Limits = &Limits{}
		}
	}
	if op.QoS != nil {
		t := targetOf(&config.Target{QoS: op.QoS})
		list := append([]HostQoS{}, t.QoS...)
		w.QoS = &list
	}
	return w
}

// listen reads the address of a portal: an address of the configuration file.
func listen(s string) (netip.AddrPort, error) { return config.ParseListen(s) }
