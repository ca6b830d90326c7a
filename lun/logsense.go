package lun

var logCommands = []command{}
