package lun

var inquiryCommands = []command{}
