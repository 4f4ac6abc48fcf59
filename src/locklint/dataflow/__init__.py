"""Generic data-flow analysis over control-flow graphs: order, worklist, reachability."""
