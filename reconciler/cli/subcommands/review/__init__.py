"""Commands for teams that review plans: `ci`, `report`, `audit`."""
