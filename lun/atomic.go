package lun

var atomicCommands = []command{}
