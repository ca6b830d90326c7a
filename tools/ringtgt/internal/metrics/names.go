package metrics

import "github.com/prometheus/client_golang/prometheus"

// metric is a metric of this package. No label has a value that an initiator chooses: targets, LUNs and loops come from the
// configuration, operations and stages from the engine, and connections have no series of their own (a thousand initiators that come
// and go would leave a thousand series each day; `ringtgt status --latency` shows connections).
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

var (
	unit = []string{"target", "lun"}
	kind = append(unit[:2:2], "operation")
	loop = []string{"loop", "cpu"}
)

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var all []metric

func define(name, help string, kind prometheus.ValueType, labels ...string) metric {
	m := metric{prometheus.NewDesc(name, help, labels, nil), kind}
	all = append(all, m)
	return m
}

var (
	buildInfo   = define("ringtgt_build_info", "Always 1; the labels have the versions.", gauge, "version", "go_version", "kernel")
	draining    = define("ringtgt_draining", "1 while the daemon drains.", gauge)
	sessions    = define("ringtgt_sessions", "Logged-in sessions, including discovery sessions.", gauge)
	readingHeld = define("ringtgt_reading_held_seconds", "The longest time that this reading held a loop.", gauge)
	lunSize     = define("ringtgt_lun_size_bytes", "Size of a logical unit.", gauge, unit...)

	lunAllocated = define("ringtgt_lun_allocated_bytes", "Blocks that the file of a logical unit has.", gauge, unit...)

	fsSize      = define("ringtgt_filesystem_size_bytes", "Size of a file system that holds files of LUNs.", gauge, "mountpoint")
	fsAvailable = define("ringtgt_filesystem_available_bytes", "Free space of a file system that holds files of LUNs.", gauge, "mountpoint")
	fsGrowth    = define("ringtgt_filesystem_growth_bytes", "Space that the files of LUNs in a file system can still take: more than is free is over-commitment.", gauge, "mountpoint")
	fsProblem   = define("ringtgt_filesystem_problem", "0 none, 1 over-committed, 2 nearly full (space_warning).", gauge, "mountpoint")

	heldNow     = define("ringtgt_limited_commands", "Commands that a limit of IOPS or bytes a second holds back now; lun is initiators for the limits of a target's initiators.", gauge, unit...)
	held        = define("ringtgt_limited_commands_total", "Commands that a limit has held back.", counter, unit...)
	heldSeconds = define("ringtgt_limited_seconds_total", "Time that limits have held commands back, added up over the commands.", counter, unit...)

	logins           = define("ringtgt_logins_total", "Logins that succeeded: sessions begun, further connections of sessions, discovery sessions.", counter, "kind")
	loginsRefused    = define("ringtgt_logins_refused_total", "Logins that were refused, by reason.", counter, "reason")
	connectionsEnded = define("ringtgt_connections_ended_total", "Connections that ended: logout, replaced by a new login, closed by the administrator, lost, abandoned before the login was complete.", counter, "how")
	sessionsExpired  = define("ringtgt_sessions_expired_total", "Sessions that had lost their last connection, and ended because none replaced it in time.", counter)

	lunHealth = define("ringtgt_lun_health", "Health of a unit's medium: 0 good, 1 degraded, 2 data or the medium was lost.", gauge, unit...)
	lunFaults = define("ringtgt_lun_faults_total", "Faults of a unit's medium, by kind.", counter, append(unit[:2:2], "kind")...)

	stateErrors = define("ringtgt_state_errors_total", "Values that could not be read from or written to the state directory.", counter)

	commandDuration = define("ringtgt_command_duration_seconds",
		"Time of reads, writes and flushes in the target, from the header to when the kernel took the status.", counter, kind...)
	stageDuration = define("ringtgt_command_stage_duration_seconds",
		"Time of SCSI commands in the target by stage: receive, window, queue, backend, send, and total. Only with stages = true.",
		counter, append(kind[:3:3], "stage")...)
	commands       = define("ringtgt_commands_total", "SCSI commands whose status the kernel has taken.", counter, kind...)
	commandsFailed = define("ringtgt_commands_failed_total",
		"SCSI commands that the target or its medium failed: a status other than GOOD, without the harmless answers.", counter, kind...)
	commandsHarmless = define("ringtgt_commands_harmless_total",
		"SCSI commands whose status was not GOOD in normal operation: unit attentions, refused requests, MISCOMPARE, reservation conflicts.", counter, unit...)
	ioBytes = define("ringtgt_io_bytes_total", "Data of SCSI commands, to initiators (read) and from them (write).", counter, kind...)

	connections    = define("ringtgt_connections", "TCP connections of a loop.", gauge, loop...)
	tasks          = define("ringtgt_tasks", "Requests of initiators that a loop has not answered.", gauge, loop...)
	diskInFlight   = define("ringtgt_disk_operations_in_flight", "Operations of a loop in the kernel's block layer.", gauge, loop...)
	bufferUsed     = define("ringtgt_buffer_used_bytes", "I/O buffers of a loop that are in use.", gauge, loop...)
	bufferTouched  = define("ringtgt_buffer_touched_bytes", "I/O buffers that a loop has allocated.", gauge, loop...)
	bufferLimit    = define("ringtgt_buffer_limit_bytes", "I/O buffers that a loop may allocate.", gauge, loop...)
	loopCPU        = define("ringtgt_loop_cpu_seconds_total", "CPU time of a loop's thread, user and system.", counter, loop...)
	turns          = define("ringtgt_turns_total", "Turns of a loop: times that it returned from the kernel.", counter, loop...)
	loopCommands   = define("ringtgt_loop_commands_total", "SCSI commands that a loop has started.", counter, loop...)
	accepted       = define("ringtgt_accepted_connections_total", "TCP connections that a loop has accepted.", counter, loop...)
	refused        = define("ringtgt_refused_connections_total", "TCP connections that a loop closed at once: its table of connections was full.", counter, loop...)
	pdusSent       = define("ringtgt_pdus_sent_total", "PDUs that a loop has sent.", counter, loop...)
	sends          = define("ringtgt_sends_total", "Gathered sends of a loop.", counter, loop...)
	zeroCopySends  = define("ringtgt_zero_copy_sends_total", "Sends that were to be without a copy: whether the kernel copied after all.", counter, append(loop[:2:2], "copied")...)
	receives       = define("ringtgt_receives_total", "Receives of a loop, into a shared buffer or straight into a task's.", counter, append(loop[:2:2], "into")...)
	diskOperations = define("ringtgt_disk_operations_total", "Operations that a loop has submitted to the kernel's block layer.", counter, loop...)
	enters         = define("ringtgt_enters_total", "io_uring_enter calls: the system calls of the data path.", counter, loop...)
	blockingEnters = define("ringtgt_blocking_enters_total", "io_uring_enter calls that waited for a completion.", counter, loop...)
	polls          = define("ringtgt_polls_total", "Waits of a loop that ended before it went to sleep.", counter, loop...)
	pollSeconds    = define("ringtgt_poll_seconds_total", "Processor time that a loop spent polling for work.", counter, loop...)
	wakes          = define("ringtgt_wakes_total", "Times that another thread woke a loop.", counter, loop...)

	// With stages = true only.
	turnDuration = define("ringtgt_turn_duration_seconds", "Time from a loop's return from the kernel to its next entry.", counter, loop...)
	turnCommands = define("ringtgt_turn_commands", "SCSI commands started in a turn.", counter, loop...)
	sendPDUs     = define("ringtgt_send_pdus", "PDUs of a gathered send.", counter, loop...)
	turnTasks    = define("ringtgt_turn_tasks", "Requests at the end of a turn that wait for data, memory or the medium.", counter, loop...)
	turnDisk     = define("ringtgt_turn_disk_operations", "Operations in the kernel's block layer at the end of a turn.", counter, loop...)

	processCPU      = define("process_cpu_seconds_total", "CPU time of all threads, user and system.", counter)
	processStart    = define("process_start_time_seconds", "Start time of the daemon, in seconds since 1970.", gauge)
	processResident = define("process_resident_memory_bytes", "Resident memory.", gauge)
)
