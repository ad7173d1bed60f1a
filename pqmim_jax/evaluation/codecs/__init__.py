"""Every codec that can be evaluated, behind one interface (`interface.EvaluatedCodec`)."""
