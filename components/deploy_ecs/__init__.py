"""Roll the certified bundle out on ECS on Fargate, by the steps of the project."""
