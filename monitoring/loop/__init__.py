"""The whole loop on one machine, to be seen (demo) and to be broken (drill)."""
