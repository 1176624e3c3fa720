"""Plan a series with each policy of a backtest: a Series in, a plan of floors and settings out.

names               names of the policies, without loading them
table               all policies by name
policy              what a policy is, and the series that it receives
floors              plans of floors, and the demand that a rule may use
kpa                 the KPA alone, and at a lower target utilization
fixed               the KPA with pods kept warm by a fixed setting
kpa_best            the KPA at the best settings of a grid: with hindsight, and chosen from the past
settings_grid       the grid of settings
tidecast            Tidecast: the candidate of least cost, selected every hour
evaluation          forecasts and outcomes of all candidates on one series, for `tidecast`
oracle              the floor that future traffic needs: a bound
hpa                 rule and behavior of the Horizontal Pod Autoscaler
phpa                the Predictive Horizontal Pod Autoscaler
holt_winters        Holt-Winters with given constants, for `phpa`
crane               Crane's EHPA
ahpa                a policy like Alibaba Cloud's AHPA
aws_predictive      predictive scaling of AWS
kedastral           Kedastral's baseline
hybrid_histogram    keep-alive by a histogram of idle times
femux               FeMux
femux_members       the forecasters of FeMux
"""
