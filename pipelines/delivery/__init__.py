"""CI/CD for models: one definition, rendered for GitHub Actions, GitLab CI and Jenkins. Every step is a make target."""
