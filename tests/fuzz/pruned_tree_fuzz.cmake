keruen_fuzz(pruned_tree_fuzz SOURCES pruned_tree_fuzz.cc LINKS keruen::certs)
