"""What a test file is made of: groups of cells that share one lab."""


class Skip(Exception):
	"""A cell cannot be played in this lab; the text says why."""


class Group:
	"""Servers are started once in start(); each cell is one test.  A cell passes unless it raises (Skip: is left out)."""

	name = ""
	needs_gateway = True

	def __init__(self):
		self.cells = []
		self.quick = set()

	def cell(self, name, function, *arguments, quick=False):
		self.cells.append((name, lambda: function(*arguments)))
		if quick:
			self.quick.add(name)

	def start(self, lab):
		raise NotImplementedError
