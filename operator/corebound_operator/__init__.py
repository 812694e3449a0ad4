"""The Kubernetes operator: watches SearchCampaigns and makes thread-matched Jobs for them."""
