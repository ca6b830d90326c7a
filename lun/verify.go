package lun

var verifyCommands = []command{}
