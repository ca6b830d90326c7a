package lun

var defectCommands = []command{}
