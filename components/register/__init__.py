"""Write the judged bundle into the model registry, and make it champion if its certificate passes."""
